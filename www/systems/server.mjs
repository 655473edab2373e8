// The server's REST dialect by hand: what the originals do, and what the page looks up.

const json = { "Content-Type": "application/json" };

export class Server {
  constructor(send = (input, init) => fetch(input, init)) {
    this.fetch = send;
  }

  async get(collection, id) {
    return answerOf(await this.fetch(`/rest/${collection}/${id}`));
  }

  async find(collection, query) {
    return (await answerOf(await this.fetch(`/rest/${collection}?${new URLSearchParams(query)}`))).doc;
  }

  async create(collection, doc, headers = {}) {
    return this.post(collection, doc, headers);
  }

  async put(collection, id, doc, stamp) {
    const { version: _, ...content } = doc;
    const headers = { ...json, "If-Match": stamp };
    return answerOf(await this.fetch(`/rest/${collection}/${id}`, { method: "PUT", headers, body: JSON.stringify(content) }));
  }

  async post(path, body, headers = {}) {
    return answerOf(await this.fetch(`/rest/${path}`, { method: "POST", headers: { ...json, ...headers }, body: JSON.stringify(body) }));
  }

  async release(collection, id, fence) {
    await this.fetch(`/rest/${collection}/${id}/_lease`, { method: "DELETE", headers: { Fence: fence } });
  }
}

/** No JSON in an answer is a mistake somewhere on the way, as a lost answer is. */
async function answerOf(response) {
  const doc = response.status === 204 ? null : await response.json();
  return { status: response.status, stamp: response.headers.get("ETag"), doc };
}
