"""What can be imported in the sandbox: the standard library as far as WebAssembly has it."""

MODULES = """
abc argparse array ast asyncio base64 binascii bisect calendar cmath cmd code codecs codeop collections collections.abc
colorsys concurrent.futures configparser contextlib contextvars copy copyreg csv dataclasses datetime decimal difflib dis
doctest email email.message email.mime.application email.mime.base email.mime.image email.mime.multipart email.mime.text
email.parser email.policy email.utils encodings.ascii encodings.cp437 encodings.cp850 encodings.cp1250 encodings.cp1251
encodings.cp1252 encodings.idna encodings.iso8859_15 encodings.latin_1 encodings.mac_roman encodings.punycode
encodings.raw_unicode_escape encodings.rot_13 encodings.unicode_escape encodings.utf_8_sig encodings.utf_16
encodings.utf_16_be encodings.utf_16_le encodings.utf_32 enum errno filecmp fileinput fnmatch fractions ftplib functools gc
getopt getpass gettext glob graphlib gzip hashlib heapq hmac html html.entities html.parser http http.client http.cookies
imaplib importlib importlib.metadata importlib.resources importlib.util inspect io ipaddress itertools json keyword
linecache locale logging logging.config logging.handlers mailbox marshal math mimetypes modulefinder multiprocessing
netrc numbers operator optparse os os.path pathlib pdb pickle pickletools pkgutil platform plistlib poplib posixpath
pprint profile pstats py_compile pyclbr pydoc queue quopri random re reprlib runpy sched secrets select selectors shelve
shlex shutil signal smtplib socket socketserver sqlite3 stat statistics string string.templatelib stringprep struct
subprocess symtable sys sysconfig tabnanny tarfile tempfile textwrap threading time timeit token tokenize tomllib trace
traceback tracemalloc types typing unicodedata unittest unittest.mock urllib.error urllib.parse urllib.request
urllib.robotparser uuid warnings wave weakref xml.dom.minidom xml.dom.pulldom xml.etree.ElementTree xml.sax
xml.sax.saxutils xmlrpc.client zipfile zipimport zlib zoneinfo
""".split()
