#!/usr/bin/env python3
"""Makes device1.tsv and device2.tsv from the Broadband Forum's models.

usage: make.py FOLDER > device1.tsv
       make.py TABLE  > device2.tsv

FOLDER holds tr-106-1-2-0-full.xml (Device:1.2) and tr-104-1-1-0-full.xml (VoiceService:1.1), as
published at https://github.com/BroadbandForum/cwmp-data-models. TABLE is the part of
tr-181-2-12-0-cwmp-full.xml (Device:2.12) that a phone can have, one line an object or parameter:
path, access, type, limits, default, forcedInform, profiles, meaning, activeNotify, status. Of
device2.tsv only the root's own objects are there; its VoiceService is that of device1.tsv.
Standard library only.

One line an object or parameter, in document order, four columns separated by tabs:

path     `{i}` stands for an instance number; objects end in a dot
access   R or W; for a table W means that an ACS may add and delete rows
type     object, table, or the parameter's type; `list` before it: a comma-separated list of it
facets   separated by blanks:
  max=N  min=N       characters (bytes for base64); of the whole list where the type is a list
  item=N             characters of one list item
  range=A:B,C:D      numbers allowed; either side may be missing
  enum=A|B           texts allowed; an empty text stands between bars or at an end
  report=A|B         those of enum that only the CPE may write
  pattern=P          regular expression for the whole text (of an item, in a list); may come again
  default=V          value in a new row; nothing after the sign is the empty text
  hidden             reads as empty
  forced             in every Inform
  can-deny           active notification may be refused
  default-active     active notification until an ACS sets another
  force-active       active notification, whatever an ACS sets
  count=N enable=N   table: the parameter that counts its rows, and a row's own enable parameter
  key=A,B            table: unique key among enabled rows; `always-key` binds all rows
"""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

HEAD = """\
# Made by make.py from tr-106-1-2-0-full.xml (Device:1.2) and tr-104-1-1-0-full.xml
# (VoiceService:1.1) of the Broadband Forum; make.py explains the columns. Do not edit.
#
# The two files carry this notice:
#
"""
HEAD2 = """\
# Made by make.py from a part of tr-181-2-12-0-cwmp-full.xml (Device:2.12) of the Broadband Forum;
# make.py explains the columns. Do not edit. The file carries the notice that stands in device1.tsv,
# with its conditions and disclaimer.
"""
# What the models say of active notification.
NOTIFICATION = {
    "canDeny": ["can-deny"],
    "forceEnabled": ["force-active"],
    "forceDefaultEnabled": ["default-active"],
}
# What no gateway for phones shows, or what is measured in the phone itself.
LEFT_OUT = (
    "Device.DeviceInfo.NetworkProperties.",
    "Device.IP.Interface.{i}.IPv6Address.",
    "Device.IP.Diagnostics.",
    "Device.DNS.Diagnostics.",
    "Device.LLDP.",
    "Device.Hosts.",
)


def child(element, name):
    """The child with this local name, or None."""
    return next(children(element, name), None)


def children(element, name):
    """All children with this local name."""
    return (e for e in element if e.tag.rpartition("}")[2] == name)


def notice(path):
    """The copyright notice in a file's first comment, from `Copyright` to before `Summary:`."""
    text = path.read_text(encoding="utf-8")
    comment = text[text.index("<!--") + 4 : text.index("-->")]
    comment = comment[comment.index("Copyright") : comment.index("Summary:")]
    return [line.strip() for line in comment.strip().splitlines()]


class Model:
    """One XML file's model, with paths under a prefix."""

    def __init__(self, path, prefix):
        root = ElementTree.parse(path).getroot()
        self.prefix = prefix
        self.types = {t.get("name"): t for t in children(root, "dataType")}
        self.model = child(root, "model")
        self.syntaxes = {}
        for owner, parameter in self.parameters():
            self.syntaxes[owner + parameter.get("name")] = child(parameter, "syntax")

    def parameters(self):
        """(path of the object in the XML, parameter), the model's own ones first."""
        for parameter in children(self.model, "parameter"):
            yield "", parameter
        for item in children(self.model, "object"):
            for parameter in children(item, "parameter"):
                yield item.get("name"), parameter

    def rows(self):
        """The lines of the table, each a list of columns."""
        for parameter in children(self.model, "parameter"):
            yield self.parameter_row("", parameter)
        for item in children(self.model, "object"):
            yield self.object_row(item)
            for parameter in children(item, "parameter"):
                yield self.parameter_row(item.get("name"), parameter)

    def object_row(self, item):
        name = item.get("name")
        facets = []
        if name.endswith("{i}."):
            kind = "table"
            if item.get("numEntriesParameter"):
                facets.append("count=" + item.get("numEntriesParameter"))
            if item.get("enableParameter"):
                facets.append("enable=" + item.get("enableParameter"))
            for key in children(item, "uniqueKey"):
                names = ",".join(p.get("ref") for p in children(key, "parameter"))
                word = "key=" if key.get("functional", "true") == "true" else "always-key="
                facets.append(word + names)
        else:
            kind = "object"
        return [self.prefix + name, access(item), kind, " ".join(facets)]

    def parameter_row(self, owner, parameter):
        path = owner + parameter.get("name")
        syntax = child(parameter, "syntax")
        kind, facets = self.syntax_facets(path, syntax)
        default = child(syntax, "default")
        if default is not None:
            facets.append("default=" + default.get("value"))
        if syntax.get("hidden") == "true":
            facets.append("hidden")
        if parameter.get("forcedInform") == "true":
            facets.append("forced")
        facets += NOTIFICATION.get(parameter.get("activeNotify"), [])
        for facet in facets:
            assert not any(c.isspace() for c in facet), (path, facet)
        return [self.prefix + path, access(parameter), kind, " ".join(facets)]

    def syntax_facets(self, path, syntax):
        """The type's text and its facets, named types resolved."""
        a_list = child(syntax, "list")
        base = next(
            e for e in syntax if e.tag.rpartition("}")[2] not in ("list", "default", "units")
        )
        kind = base.tag.rpartition("}")[2]
        facets = []
        if a_list is not None:
            facets += sizes(a_list, "max=")
        size_word = "max=" if a_list is None else "item="
        while kind == "dataType":
            name = base.get("ref") or base.get("base")
            own = list(facets_of(base, size_word))
            base = self.types[name]
            if base.get("base"):
                # A derived type without facets of its own is its base.
                assert child(base, "size") is None
                kind = "dataType"
            else:
                inner = next(e for e in base if e.tag.rpartition("}")[2] != "description")
                kind, base = inner.tag.rpartition("}")[2], inner
            facets += own
        facets += facets_of(base, size_word)
        reference = child(base, "enumerationRef")
        if reference is not None:
            facets += self.referenced(path, reference)
        return ("list " if a_list is not None else "") + kind, facets

    def referenced(self, path, reference):
        """The enumeration of the parameter that an enumerationRef names, where it has one."""
        target = reference.get("targetParam")
        assert target.startswith("."), target
        found = next(p for p in self.syntaxes if p.endswith("VoiceService.{i}" + target))
        facets = []
        for facet in self.syntax_facets(found, self.syntaxes[found])[1]:
            word, _, value = facet.partition("=")
            if word in ("enum", "pattern"):
                facets.append(facet)
            elif word == "item" or (word == "max" and child(self.syntaxes[found], "list") is None):
                facets.append("max=" + value)
        if not facets and child(self.syntaxes[path], "list") is None:
            # The values are up to the CPE's own list; its length limit is all that is known.
            whole = self.syntax_facets(found, self.syntaxes[found])[1]
            facets = [f for f in whole if f.startswith("max=")]
        null = reference.get("nullValue")
        default = child(self.syntaxes[path], "default")
        if null is not None or (default is not None and default.get("value") == ""):
            facets = [f + "|" if f.startswith("enum=") else f for f in facets]
            if any(f.startswith("pattern=") for f in facets):
                facets.append("pattern=")
        return facets


def access(element):
    return "W" if element.get("access") == "readWrite" else "R"


def sizes(element, word):
    """Facets for the length limits of an element."""
    for size in children(element, "size"):
        if size.get("minLength"):
            yield "min=" + size.get("minLength")
        if size.get("maxLength"):
            yield word + size.get("maxLength")


def facets_of(element, size_word):
    """Facets that stand directly in a type's element."""
    yield from sizes(element, size_word)
    ranges = [
        f"{r.get('minInclusive', '')}:{r.get('maxInclusive', '')}" for r in children(element, "range")
    ]
    if ranges:
        yield "range=" + ",".join(ranges)
    values = list(children(element, "enumeration"))
    if values:
        yield "enum=" + "|".join(v.get("value") for v in values)
    report = [v.get("value") for v in values if v.get("access") == "readOnly"]
    if report:
        yield "report=" + "|".join(report)
    for pattern in children(element, "pattern"):
        yield "pattern=" + pattern.get("value")


def table_row(columns):
    """One line of device2.tsv from a line of the table."""
    path, writable, kind, limits, default, forced = columns[:6]
    a_list = kind.startswith("list<")
    kind = kind.removeprefix("list<").removesuffix(">").split("(")[0]
    facets = []
    for limit in limits.split("; "):
        word, _, rest = limit.partition(" ")
        if word == "len":
            low, _, high = rest.partition(":")
            facets += [f"min={low}"] if low not in ("", "0") else []
            facets += [("item=" if a_list else "max=") + high] if high else []
        elif word == "list":
            high = rest.partition("total-len ")[2].partition(":")[2]
            facets += [f"max={high}"] if high else []
        elif word == "pattern":
            facets.append("pattern=" + rest.replace(" ", "\\s"))
        elif word == "pathRef":
            # A path, where the model states no length.
            size = "item=" if a_list else "max="
            facets += [] if any(f.startswith(size) for f in facets) else [size + "256"]
        elif word.startswith("{"):
            values = limit[1 : limit.index("}")].split("|")
            facets.append("enum=" + "|".join(v.split("(")[0] for v in values))
            report = [v.split("(")[0] for v in values if "(ro)" in v]
            facets += ["report=" + "|".join(report)] if report else []
        elif word.startswith("["):
            facets.append("range=" + word.strip("[]"))
        elif word.startswith("hidden"):
            facets.append("hidden")
        elif word.startswith("count="):
            facets.append(word)
        elif word.startswith("enable="):
            facets.append(word)
        elif word.startswith("key("):
            facets.append("key=" + word[4:-1])
        elif word.startswith("key-nf("):
            facets.append("always-key=" + word[7:-1])
        else:
            assert word in ("", "units", "entries", "command", "enumRef"), (path, limit)
    if default.startswith("object:"):
        facets.append("default=" + default[7:].replace("(empty)", ""))
    facets += ["forced"] if forced == "Y" else []
    facets += NOTIFICATION.get(columns[8], [])
    for facet in facets:
        assert not any(c.isspace() for c in facet), (path, facet)
    return "\t".join([path, writable, ("list " if a_list else "") + kind, " ".join(facets)])


def make_device2(path):
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    kept = [row for row in rows if not row[0].startswith(LEFT_OUT)]
    sys.stdout.write(HEAD2 + "".join(table_row(row) + "\n" for row in kept))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    if folder.is_file():
        make_device2(folder)
        return
    device = folder / "tr-106-1-2-0-full.xml"
    voice = folder / "tr-104-1-1-0-full.xml"
    out = [HEAD.rstrip("\n")]
    notices = [notice(device), notice(voice)]
    # The two notices differ in nothing but the years of the copyright line.
    years = sorted({n[0] for n in notices})
    out += [f"# {line}".rstrip() for line in years + notices[0][1:]]
    out.append("#")
    rows = list(Model(device, "").rows()) + list(Model(voice, "Device.Services.").rows())
    out += ["\t".join(row) for row in rows]
    sys.stdout.write("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
