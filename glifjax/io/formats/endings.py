"""The files of amplifiers' programs by their endings, before any reader of theirs is loaded."""

#: neo's readers.
NEO_READERS = {".abf": "AxonRawIO", ".wcp": "WinWcpRawIO", ".smr": "Spike2RawIO"}
#: All such files; HEKA's and Igor's have readers of their own.
AMPLIFIERS = (*NEO_READERS, ".dat", ".ibw", ".pxp")
