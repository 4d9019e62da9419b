"""The cheapest fares of the next days, one day after the other."""

from fares import cheapest_fare, days_of, parse_arguments, print_fares


def main():
    arguments = parse_arguments()
    fares = {}
    for day in days_of(arguments):
        fares[day] = cheapest_fare(arguments.base_url, day)
    print_fares(fares)


if __name__ == "__main__":
    main()
