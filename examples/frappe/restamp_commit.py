"""Several documents, all or nothing: the server method that `transact`, `transfer` and `allocate` need on Frappe.

Put this file into your app as `yourapp/restamp_commit.py` and the DocType of `restamp_commit.json` beside it
(`bench migrate`), and tell the till:

    frappe({ url, doctype: "POS Wallet", methods: { commit: { path: "yourapp.restamp_commit.commit" } } })

Frappe runs a request in one database transaction and rolls it back when an exception leaves it, so what is
left to do here is to compare the stamps (`save` does, on a locked row) and to do a request once however often
it comes.
"""

import json

import frappe


@frappe.whitelist(methods=["POST"])
def commit(doctype, writes, token):
    """Stores all of `writes` or nothing.

    writes: a list of {"name", "modified", "doc"}; one without `modified` is a new document.
    token:  the same for every try of the same request, and of no other.

    Answers {"documents": [the stored documents], "replayed": whether it had been stored before}. Raises
    frappe.TimestampMismatchError if one of them was changed since `modified`.
    """
    if not token:
        frappe.throw("token is missing")
    try:
        # First of all, so that a second try waits here for the first, and meets its answer.
        kept = frappe.get_doc({"doctype": "Restamp Commit", "token": token}).insert(ignore_permissions=True)
    except frappe.DuplicateEntryError:
        frappe.db.rollback()
        return replay(token)
    # Always in the same order, so that two commits never wait for each other.
    ordered = sorted(frappe.parse_json(writes), key=lambda write: write.get("name") or "")
    names = [store(doctype, write) for write in ordered]
    # As they are loaded: what `save` leaves in memory is not always what is stored.
    documents = [frappe.get_doc(doctype, name).as_dict(no_nulls=True) for name in names]
    answer = frappe.as_json({"documents": documents})
    kept.db_set("answer", answer, update_modified=False)
    return dict(json.loads(answer), replayed=False)


def store(doctype, write):
    """Permissions, rules and the stamp are those of an ordinary save."""
    doc = frappe.get_doc(dict(write["doc"], doctype=doctype))
    if write.get("modified"):
        doc.name, doc.modified = write["name"], write["modified"]
        doc.save()
    else:
        doc.insert(set_name=write["doc"].get("name"))
    return doc.name


def replay(token):
    """What the first try was answered; nobody else's answers are shown."""
    owner, answer = frappe.db.get_value("Restamp Commit", token, ["owner", "answer"])
    if owner != frappe.session.user:
        raise frappe.PermissionError
    return dict(json.loads(answer), replayed=True)
