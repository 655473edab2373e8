// The reference backend (backend/) as a process of its own, and the packed package beside it.
import { execFileSync, spawn } from "node:child_process";
import { join, resolve } from "node:path";
import { after } from "node:test";
import { pathToFileURL } from "node:url";
import { project, root } from "./project.mjs";

const started = [];
/** Where the servers of this file keep their documents: arguments for each, or nothing for SQLite. */
let database = () => [];

// Registered while the file loads, so it belongs to the file and not to the test that runs.
after(() => started.forEach((server) => server.kill()));

/**
 * All servers that this file starts from now on run on a PostgreSQL, with leases in a Redis, that are started for it, each in a database
 * of its own. Both end with this process, whichever way that ends: the script that starts them holds on to its standard input.
 */
export async function onPostgresAndRedis() {
  const script = spawn("bash", [join(root, "backend/tests/support/database-servers.sh")], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((end) => script.once("exit", end));
  const [postgres, redis] = await new Promise((ready, failed) => {
    script.stdout.once("data", (line) => ready(String(line).trim().split(" ")));
    ended.then((code) => failed(new Error(`database-servers.sh ended with ${code}`)));
  });
  after(async () => {
    started.forEach((server) => server.kill());
    script.stdin.end();
    await ended;
  });
  let made = 0;
  database = () => {
    const name = `package_${made += 1}`;
    execFileSync("psql", ["--quiet", "--dbname", `${postgres}/postgres`, "--command", `CREATE DATABASE ${name}`], { stdio: ["ignore", "ignore", "inherit"] });
    return ["--database", `${postgres}/${name}`, "--redis", `${redis}/${made}`];
  };
}

/** The packed package, installed and initialised. */
export async function packed() {
  const folder = project({});
  const restamp = await import(pathToFileURL(join(folder, "node_modules/restamp/restamp.js")).href);
  await restamp.init();
  return restamp;
}

/**
 * Builds the reference backend if it is not built, starts it on a free port, answers a way to talk to it. A connection is used once, so
 * that one which is dropped is seen at the request that it was dropped for.
 */
export function startBackend(...options) {
  return start(["--no-keep-alive", ...options]);
}

/** The same, for very many requests: connections are kept. */
export function startQuickBackend(...options) {
  return start(options);
}

async function start(options) {
  execFileSync("cargo", ["build", "--quiet", "--locked", "--package", "restamp-backend"], { cwd: root, stdio: ["ignore", "ignore", "pipe"] });
  const program = resolve(root, process.env.CARGO_TARGET_DIR ?? "target", "debug/restamp-backend");
  const server = spawn(program, ["--port", "0", "--test-endpoints", ...database(), ...options], { stdio: ["ignore", "pipe", "inherit"] });
  started.push(server);
  const url = await new Promise((listening, failed) => {
    server.once("error", failed);
    server.once("exit", (code) => failed(new Error(`the reference backend ended with ${code}`)));
    server.stdout.on("data", (text) => {
      const address = /http:\S+/.exec(String(text));
      if (address) listening(address[0]);
    });
  });
  return new Reference(url);
}

/** What a test says to the server beside the API. */
class Reference {
  constructor(url) {
    this.url = url;
  }

  async #ask(method, path, body) {
    const headers = { authorization: "token till:secret", "content-type": "application/json" };
    const response = await fetch(this.url + path, { method, headers, body: body && JSON.stringify(body) });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  reset() {
    return this.#ask("POST", "/_test/reset");
  }

  /** The next `times` requests of this method and path fail so; 0 means until `heal()`. */
  fail(fault, match, times = 1) {
    return this.#ask("POST", "/_test/faults", { fault, match, times });
  }

  heal() {
    return this.#ask("DELETE", "/_test/faults");
  }

  /** Requests since the start or the last reset. */
  log() {
    return this.#ask("GET", "/_test/log");
  }

  async invoices() {
    const { data } = await this.#ask("GET", "/api/resource/Sales%20Invoice?limit_page_length=0");
    return Promise.all(data.map(({ name }) => this.invoice(name)));
  }

  async invoice(name) {
    const { data } = await this.#ask("GET", `/api/resource/Sales%20Invoice/${name}`);
    return data;
  }

  async insert(doc) {
    const { data } = await this.#ask("POST", "/api/resource/Sales%20Invoice", doc);
    return data;
  }

  entries(collection = "invoices") {
    return this.#ask("GET", `/rest/${collection}`);
  }

  post(doc, collection = "invoices") {
    return this.#ask("POST", `/rest/${collection}`, doc);
  }
}
