"""The index: names, values, calls of a whole project, from ``ast`` alone. Nothing is imported or executed."""
