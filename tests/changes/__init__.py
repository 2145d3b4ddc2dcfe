"""Changes that break egress and changes that do not, with what the right answer is.

Each file of `cases` is one change of a test cluster. Its expectations were written before the product was asked.

.. code-block:: yaml

    about: what the change is
    cluster: tls-origination   # of tests/clusters; default: base
    patch: {}     # of that cluster (tests/clusters/compose.py)
    change: []    # merge patches of objects of the cluster; the change contains the whole objects
    add: []       # new objects
    rename: {KIND NAMESPACE/NAME: new name}    # deletes the object and adds it under the new name
    without: []   # objects that are deleted
    expect:
      breaks: true                     # whether the exit code is 1
      verdict: broken                  # if applied
      routes: {URL from CLIENTS: now -> if applied}      # all routes that differ
      appear: [EG204]                  # checks with a new failure or warning
      istiod: {URL from CLIENT: now -> if applied}       # also judged by istiod, whose answers are recorded in istiod.json
"""
