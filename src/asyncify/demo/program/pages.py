"""Reading the company's pages."""

from html.parser import HTMLParser


class FormParser(HTMLParser):
    """Collects the hidden fields of a form."""

    def __init__(self):
        super().__init__()
        self.fields = {}

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "input" and attributes.get("type") == "hidden":
            self.fields[attributes["name"]] = attributes["value"]


class ResultParser(HTMLParser):
    """Collects the data of each connection."""

    def __init__(self):
        super().__init__()
        self.connections = []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if attributes.get("class") == "connection":
            data = {name.removeprefix("data-"): value for name, value in attributes.items()}
            self.connections.append(data)


def hidden_fields(html):
    """The hidden fields of the form on a page."""
    parser = FormParser()
    parser.feed(html)
    return parser.fields


def connections(html):
    """The connections on a page of results, as dictionaries of strings."""
    parser = ResultParser()
    parser.feed(html)
    return parser.connections
