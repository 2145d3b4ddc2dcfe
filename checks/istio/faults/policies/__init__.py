"""Why an AuthorizationPolicy denies a request at the gateway."""
