"""Why istiod converts no rule of a route."""


class RouteError(Exception):
    """A field of a route that istiod refuses: none of the route's rules applies."""
