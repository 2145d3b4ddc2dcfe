"""Active steps in a real API server with controllers and a node that a stand-in keeps."""
