// What the server holds, as its change feed tells it: the picture shows this, not what tills believe.

export class Feed {
  constructor(collection, run) {
    this.docs = new Map();
    this.source = new EventSource(`/rest/${collection}/_changes?documents=1`);
    this.opened = new Promise((resolve) => this.source.addEventListener("open", resolve, { once: true }));
    this.source.addEventListener("change", (event) => {
      const { id, doc } = JSON.parse(event.data);
      if (doc?.run === run) this.docs.set(id, doc);
    });
  }

  /** A newest copy that was read otherwise. */
  put(doc) {
    this.docs.set(doc.id, doc);
  }

  sorted(field) {
    return [...this.docs.values()].sort((a, b) => (a[field] < b[field] ? -1 : 1));
  }

  close() {
    this.source.close();
  }
}
