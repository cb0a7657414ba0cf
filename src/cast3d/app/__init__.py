"""The web app: an HTTP server over `cast3d.jobs`, and the built page (sources in `web/`). Extra `app`."""
