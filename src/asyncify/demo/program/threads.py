"""The cheapest fares of the next days, several days at a time in threads."""

from concurrent.futures import ThreadPoolExecutor, as_completed

from fares import cheapest_fare, days_of, parse_arguments, print_fares


def cheapest_fares(base_url, days, workers):
    """The cheapest fare of each day, at most `workers` asked for at a time."""
    fares = {}
    with ThreadPoolExecutor(max_workers=workers) as pool:
        futures = {pool.submit(cheapest_fare, base_url, day): day for day in days}
        for future in as_completed(futures):
            fares[futures[future]] = future.result()
    return fares


def main():
    arguments = parse_arguments()
    fares = cheapest_fares(arguments.base_url, days_of(arguments), arguments.workers)
    print_fares(fares)


if __name__ == "__main__":
    main()
