"""The cheapest fares of the next days, several days at a time in greenlets."""

from gevent import monkey

monkey.patch_all()

from fares import cheapest_fare, days_of, parse_arguments, print_fares  # noqa: E402
from gevent.pool import Pool  # noqa: E402


def main():
    arguments = parse_arguments()
    days = days_of(arguments)
    pool = Pool(arguments.workers)
    jobs = {day: pool.spawn(cheapest_fare, arguments.base_url, day) for day in days}
    pool.join()
    print_fares({day: job.get() for day, job in jobs.items()})


if __name__ == "__main__":
    main()
