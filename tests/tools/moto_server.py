"""moto's stand-ins for AWS, served on 127.0.0.1."""

import logging

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server


def server(port=0):
    """All of moto's services, not yet served, on a port or a free one."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no line for each request
    app = DomainDispatcherApplication(create_backend_app)
    return make_server("127.0.0.1", port, app, threaded=True, request_handler=MotoRequestHandler)
