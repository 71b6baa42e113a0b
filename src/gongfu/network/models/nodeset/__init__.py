"""OPC UA information models in files: NodeSet2 XML (OPC 10000-6 Annex F) read, joined, compared and written.

``reading.read`` makes a :class:`~gongfu.network.models.nodeset.nodes.NodeSet` of one file; ``catalogue.Catalogue``
finds the files it requires and joins them into a ``space.Space``; ``types.type_model`` says what a type offers with
everything it inherits; ``writing.write`` makes a file again; ``comparing.differences`` says how two models differ.
No I/O beyond reading files, no Django.
"""
