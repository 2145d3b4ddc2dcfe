"""Objects as istiod's webhook accepts or refuses them."""
