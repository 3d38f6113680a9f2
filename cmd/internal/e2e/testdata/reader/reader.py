#!/usr/bin/env python3
"""Checks a bundle with what docs/bundle-format.md says, gpg, zstd and nothing of ours.

usage: reader.py VOLUME...        (the private key is in GnuPG's keyring)

Every difference goes to stdout; the exit code is 1 where there is one.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile

differences = []


def differ(where, what):
    differences.append("%s: %s" % (where, what))


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Sealed:
    """The archive of a volume: gpg -d VOLUME | zstd -d."""

    def __init__(self, path):
        self.gpg = subprocess.Popen(["gpg", "--batch", "-q", "-d", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.zstd = subprocess.Popen(["zstd", "-q", "-d", "-c"], stdin=self.gpg.stdout, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.gpg.stdout.close()
        self.read = self.zstd.stdout.read

    def end(self):
        self.zstd.stdout.read()
        return self.zstd.wait() == 0 and self.gpg.wait() == 0


def members(r):
    """The members of a ustar archive with pax headers: name, type, link target, size, blocks of content."""
    pax = {}
    while True:
        block = r.read(512)
        if len(block) < 512:
            raise EOFError("the archive ends early")
        if block == bytes(512):
            return
        text = lambda a, b: block[a:b].split(b"\0")[0].decode()
        if sum(block[:148]) + 32 * 8 + sum(block[156:]) != int(text(148, 156), 8):
            raise ValueError("no header where one belongs")
        name, kind, link, prefix = text(0, 100), text(156, 157), text(157, 257), text(345, 500)
        size = int(pax.get("size", 0)) or int(text(124, 136), 8)
        name = pax.get("GNU.sparse.name") or pax.get("path") or (prefix + "/" + name if prefix else name)
        link = pax.get("linkpath", link)

        def content(left=size, pad=-size % 512):
            while left > 0:
                data = r.read(min(left, 1 << 20))
                if not data:
                    raise EOFError("%s ends early" % name)
                left -= len(data)
                yield data
            r.read(pad)

        if kind == "x":
            data, pax = b"".join(content()), {}
            while data:
                n = int(data.split(b" ")[0])
                key, value = data[:n - 1].split(b" ", 1)[1].split(b"=", 1)
                pax[key.decode()], data = value.decode(), data[n:]
            continue
        pax = {}
        yield name, kind, link, content()


def good_signature(public_key, data, signature):
    """gpg --verify, with no other key in sight."""
    with tempfile.TemporaryDirectory() as home:
        os.chmod(home, 0o700)
        for name, value in ("key", public_key.encode()), ("data", data), ("sig", signature):
            with open(os.path.join(home, name), "wb") as f:
                f.write(value)
        run = lambda *args: subprocess.run(["gpg", "--batch", "-q", "--homedir", home, *args], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
        ok = run("--import", home + "/key") == 0 and run("--verify", home + "/sig", home + "/data") == 0
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], stderr=subprocess.DEVNULL)
        return ok


class Content:
    """What an item is stored as: one file, or several parts in order, perhaps over several volumes."""

    def __init__(self):
        self.whole, self.size, self.parts, self.tail = hashlib.sha256(), 0, [], b""

    def add(self, name, volume, blocks):
        own, size = hashlib.sha256(), 0
        for data in blocks:
            own.update(data)
            size += len(data)
            self.keep(data)
        self.parts.append({"name": name, "volume": volume, "size": size, "sha256": own.hexdigest()})

    def keep(self, data):
        """Zeros at the end may be padding, which the record tells only afterwards."""
        self.size += len(data)
        real = data.rstrip(b"\0")
        if real:
            self.whole.update(self.tail + real)
            self.tail = b""
        self.tail += data[len(real):]

    def against(self, e):
        padding = e.get("padding", 0)
        if self.size != e["size"] + padding or padding > len(self.tail):
            return "has %d bytes, not %d and %d of padding" % (self.size, e["size"], padding)
        self.whole.update(self.tail[:len(self.tail) - padding])
        if self.whole.hexdigest() != e["sha256"]:
            return "its content does not have its SHA-256"
        names = [p["name"] for p in e.get("parts") or [{"name": e["name"]}]]
        if names != [p["name"] for p in self.parts]:
            return "is stored as %s, not as %s" % ([p["name"] for p in self.parts], names)
        return ""


class Bundle:
    def __init__(self):
        self.id = self.signer = self.manifest = self.signature = None
        self.records, self.content, self.volumes = {}, Content(), {}

    def volume(self, path):
        first, header, end, sig, last = True, None, None, None, 0
        digest, count, numbers, originals = hashlib.sha256(), 0, [], {}
        linked, sealed = None, Sealed(path)
        for name, kind, link, blocks in members(sealed):
            if first:
                data = b"".join(blocks)
                header, first = json.loads(data), False
                header["sha256"] = sha256(data)
                if header["format"] != 1:
                    raise ValueError("format %s" % header["format"])
                self.id, self.signer = self.id or header["bundle"], self.signer or header["signer"]
                if (header["bundle"], header["signer"]) != (self.id, self.signer) or header["volume"] in self.volumes:
                    raise ValueError("is of another bundle, or here twice")
            elif name.startswith("records/"):
                data = b"".join(blocks)
                digest.update(data)
                e = json.loads(data)
                count, numbers = count + 1, numbers + [e["number"]]
                self.record(path, e, data, linked, originals)
                linked, self.content = None, Content()
            elif name.startswith("volumes/"):
                data = b"".join(blocks)
                end, sig = (end, data) if name.endswith(".sig") else (data, sig)
            elif name == "manifest.json":
                self.manifest = b"".join(blocks)
            elif name == "manifest.json.sig":
                self.signature = b"".join(blocks)
            elif kind == "1":
                linked = link
            else:
                self.content.add(name, header["volume"], blocks)
        if not sealed.end():
            differ(path, "gpg or zstd complain")
        self.trailer(path, header, end, sig, digest.hexdigest(), count, numbers)
        raw = open(path, "rb").read()
        self.volumes[header["volume"]] = {"number": header["volume"], "name": os.path.basename(path), "size": len(raw), "sha256": sha256(raw)}

    def record(self, path, e, data, linked, originals):
        self.records[e["number"]] = data.rstrip(b"\n")
        if e.get("same_as") or linked:
            if e.get("same_as") != linked or originals.get(linked) != (e["size"], e["sha256"]):
                differ(path, "%s is not the same as %s" % (e["name"], linked))
        elif not e.get("link"):
            what = self.content.against(e)
            if what:
                differ(path, "%s %s" % (e["name"], what))
        originals[e["name"]] = (e["size"], e["sha256"])

    def trailer(self, path, header, end, sig, digest, count, numbers):
        if not end or not sig or not good_signature(self.signer["public_key"], end, sig):
            return differ(path, "has no end that is signed by the key of the run")
        t = json.loads(end)
        here = [p for p in self.content.parts if p["volume"] == header["volume"]]
        want = (header["bundle"], header["volume"], header["sha256"], count, digest, here)
        if (t["bundle"], t["volume"], t["header_sha256"], t["records"], t["records_sha256"], t.get("open", [])) != want:
            differ(path, "is not what its signed end says")
        if (t["first"], t["final"]) != ((numbers[0], numbers[-1]) if numbers else (0, 0)):
            differ(path, "holds other records than its end says")

    def conclude(self):
        if not self.manifest or not good_signature(self.signer["public_key"], self.manifest, self.signature):
            return differ("manifest.json", "is missing, or not signed by the key of the run")
        m = json.loads(self.manifest)
        for v in m["volumes"]:
            if self.volumes.get(v["number"]) != v:
                differ(v["name"], "is missing, or not the file that the manifest names")
        if sorted(self.volumes) != list(range(1, len(m["volumes"]) + 2)):
            differ("bundle", "has volumes %s" % sorted(self.volumes))
        if [self.records.get(e["number"]) for e in m["entries"]] != raw_entries(self.manifest):
            differ("manifest.json", "its entries are not the records")
        if len(self.records) != len(m["entries"]):
            differ("manifest.json", "has %d entries, there are %d records" % (len(m["entries"]), len(self.records)))
        print("bundle %s, %d volumes, %d items, digest %s" % (self.id, len(self.volumes), len(self.records), sha256(self.manifest)))


def raw_entries(manifest):
    """The entries, byte for byte: they stand at the end of the manifest, one after the other."""
    text = manifest.decode()
    at, entries, decoder = text.index('"entries":[') + len('"entries":['), [], json.JSONDecoder()
    while text[at] != "]":
        _, end = decoder.raw_decode(text, at)
        entries.append(text[at:end].encode())
        at = end + (text[end] == ",")
    return entries


def main(paths):
    b = Bundle()
    for path in sorted(paths, key=lambda p: re.sub(r".*\.(\d+)\.tar\.zst\.pgp$", lambda m: m[1].zfill(9), p)):
        try:
            b.volume(path)
        except (EOFError, ValueError, KeyError, TypeError) as err:
            differ(path, err)
    if b.id:
        b.conclude()
    print("\n".join(differences) or "every hash, record and signature is as it was written")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
