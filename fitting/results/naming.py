"""The name of a folder from the name of a recording, whatever that is made of."""

import re

#: What some system takes for something else than a part of a name.
SPECIAL = r'[<>:"/\\|?*]'
#: Names that Windows keeps for devices.
DEVICES = r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?"
#: Bytes of a name at most: less than the 255 of most systems, for what is added.
LONGEST = 150


def folder_name(name: str) -> str:
    """A name that every file system and terminal takes, and that is neither hidden nor above its folder.

    What cannot be printed and `<>:"/\\|?*` become "_"; a long name is cut. Two names may become one.
    """
    shown = "".join(letter if letter.isprintable() else "_" for letter in name)
    shown = re.sub(SPECIAL, "_", shown).encode()[:LONGEST].decode(errors="ignore")
    shown = re.sub(r"^[.\- ]+", "", shown).rstrip(". ")
    return f"{shown}_" if not shown or re.fullmatch(DEVICES, shown) else shown
