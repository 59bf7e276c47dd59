"""HTTP: one module an area, thin over the services."""
