"""Runs examples/frappe/restamp_commit.py on a small stand-in for the `frappe` module: documents in a dict, a stamp that `save`
compares, and a request that is one transaction. Prints "ok", or a traceback.
"""

import copy
import importlib.util
import json
import sys
import types


class Mismatch(Exception):
    pass


class Duplicate(Exception):
    pass


class Forbidden(Exception):
    pass


class Throw(Exception):
    pass


stored, count, saves_that_fail = {}, [0], []
frappe = types.ModuleType("frappe")
frappe.TimestampMismatchError, frappe.DuplicateEntryError, frappe.PermissionError = Mismatch, Duplicate, Forbidden
frappe.session = types.SimpleNamespace(user="anna")
frappe.whitelist = lambda methods=None: lambda function: function
frappe.parse_json = lambda value: json.loads(value) if isinstance(value, str) else value
frappe.as_json = json.dumps


def throw(message):
    raise Throw(message)


class Doc:
    def __init__(self, fields):
        self.__dict__.update(fields)

    def _write(self):
        count[0] += 1
        self.modified = f"m{count[0]}"
        stored[(self.doctype, self.name)] = copy.deepcopy(self.__dict__)

    def insert(self, ignore_permissions=False, set_name=None):
        self.name = getattr(self, "token", None) or set_name or f"N{count[0]}"
        if (self.doctype, self.name) in stored:
            raise Duplicate(self.name)
        self.owner = frappe.session.user
        self._write()
        return self

    def save(self):
        if self.name in saves_that_fail:
            raise RuntimeError("the server died")
        if stored[(self.doctype, self.name)]["modified"] != self.modified:
            raise Mismatch(self.name)
        self._write()
        return self

    def db_set(self, field, value, update_modified=True):
        setattr(self, field, value)
        stored[(self.doctype, self.name)][field] = value

    def as_dict(self, no_nulls=False):
        return {name: value for name, value in self.__dict__.items() if value is not None or not no_nulls}


def get_doc(first, name=None):
    return Doc(first if isinstance(first, dict) else copy.deepcopy(stored[(first, name)]))


def get_value(doctype, name, fields):
    found = stored[(doctype, name)]
    return [found.get(field) for field in fields]


frappe.throw, frappe.get_doc = throw, get_doc
frappe.db = types.SimpleNamespace(get_value=get_value, rollback=lambda: None)
sys.modules["frappe"] = frappe
spec = importlib.util.spec_from_file_location("restamp_commit", sys.argv[1])
method = importlib.util.module_from_spec(spec)
spec.loader.exec_module(method)


def request(*arguments):
    """As Frappe runs one: rolled back if an exception leaves it."""
    before = copy.deepcopy(stored)
    try:
        return method.commit(*arguments)
    except Exception:
        stored.clear()
        stored.update(before)
        raise


def refused(kind, *arguments):
    try:
        request(*arguments)
    except kind:
        return
    raise AssertionError(f"{kind} expected")


for name in ("W1", "W2"):
    Doc({"doctype": "POS Wallet", "name": None, "balance": "10"}).insert(set_name=name)
one, two = (stored[("POS Wallet", name)] for name in ("W1", "W2"))


def write(doc, balance):
    return {"name": doc["name"], "modified": doc["modified"], "doc": {"name": doc["name"], "balance": balance}}


writes = json.dumps([write(two, "14"), write(one, "6"), {"doc": {"balance": "1"}}])
first = request("POS Wallet", writes, "t1")
assert first["replayed"] is False and len(first["documents"]) == 3, first
assert stored[("POS Wallet", "W1")]["balance"] == "6" and stored[("POS Wallet", "W2")]["balance"] == "14"
kept = copy.deepcopy(stored)
again = request("POS Wallet", writes, "t1")
assert again == dict(first, replayed=True), again
assert stored == kept, "nothing twice"
frappe.session.user = "boris"
refused(Forbidden, "POS Wallet", writes, "t1")
# One stamp is old: none is stored, and the token is free again.
newest = stored[("POS Wallet", "W1")]
refused(Mismatch, "POS Wallet", [write(newest, "0"), write(two, "20")], "t2")
assert stored == kept
saves_that_fail.append("W2")
refused(RuntimeError, "POS Wallet", [write(newest, "0"), write(stored[("POS Wallet", "W2")], "20")], "t2")
assert stored == kept
saves_that_fail.clear()
assert request("POS Wallet", [write(newest, "0"), write(stored[("POS Wallet", "W2")], "20")], "t2")["replayed"] is False
refused(Throw, "POS Wallet", [], "")
print("ok")
