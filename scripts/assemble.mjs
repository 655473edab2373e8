// The JavaScript half of scripts/build.sh: puts the npm package together.
//
//   node scripts/assemble.mjs BINDGEN_DIR NAMES PACKAGE_DIR
//
// BINDGEN_DIR holds what wasm-bindgen wrote, NAMES what wasm-opt printed when it shortened the
// module's imports and exports, PACKAGE_DIR the finished restamp_bg.wasm.
import { readdirSync, readFileSync, writeFileSync, copyFileSync, existsSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";

const [bindgen, names, pkg] = process.argv.slice(2);
const tools = createRequire(join(process.cwd(), "tests/package/"));
const { rolldown } = await import(pathToFileURL(tools.resolve("rolldown")).href);

const sources = join(bindgen, "sources");
mkdirSync(sources, { recursive: true });
const wasm = readFileSync(join(pkg, "restamp_bg.wasm"));
for (const file of readdirSync("src/package")) {
  copyFileSync(join("src/package", file), join(/\.d\.ts$|\.json$/.test(file) ? pkg : sources, file));
}
writeFileSync(join(sources, "bindings.js"), bindings());
writeFileSync(join(sources, "wasm-text.js"), `export default "${wasm.toString("base64")}";\n`);
await bundle();

for (const file of ["README.md", "LICENSE-MIT", "LICENSE-APACHE"]) {
  if (existsSync(file)) copyFileSync(file, join(pkg, file));
}
const version = /^version = "(.+)"$/m.exec(readFileSync("Cargo.toml", "utf8"))[1];
const manifest = { ...JSON.parse(readFileSync("pkg.json", "utf8")), version };
writeFileSync(join(pkg, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
printSizes();

/** wasm-bindgen's bindings, with the module's short names and with the package's own copy of what it imports. */
function bindings() {
  // A file of src/package that the Rust side imports came back as a copy under snippets/: two
  // copies would mean two RestampError classes.
  let text = readFileSync(join(bindgen, "restamp.js"), "utf8");
  text = text.replace(/(['"])\.\/snippets\/restamp-[0-9a-f]+\/src\/package\//g, "$1./");
  if (text.includes("/snippets/")) throw new Error("the Rust side imports JavaScript from outside src/package");

  const { imports, exports } = JSON.parse(readFileSync(names, "utf8"));
  for (const [, long, short] of imports) text = replaced(text, new RegExp(`\\b${long}(?=: )`, "g"), short);
  // Not every export is used here: some are for hosts that restart a module after a panic.
  for (const [long, short] of exports) text = text.replace(new RegExp(`\\bwasm\\.${long}\\b`, "g"), `wasm.${short}`);
  return replaced(text, /(['"])\.\/restamp_bg\.js\1/g, '"a"'); // what wasm-opt calls the only module
}

function replaced(text, pattern, value) {
  if (text.search(pattern) < 0) throw new Error(`wasm-bindgen's bindings do not contain ${pattern}`);
  return text.replace(pattern, value);
}

/** Two entries and what they share: a page without a bundler fetches two scripts, not nine; and what is loaded on demand. */
async function bundle() {
  const bundled = await rolldown({
    input: { restamp: join(sources, "restamp.js"), inline: join(sources, "inline.js") },
    platform: "neutral",
  });
  const chunkFileNames = ({ isDynamicEntry }) => (isDynamicEntry ? "[name].js" : "shared.js");
  const { output } = await bundled.generate({ format: "esm", minify: true, chunkFileNames });
  await bundled.close();
  for (const { fileName, code } of output) {
    // Bundlers look for these expressions with a plain string in them.
    writeFileSync(join(pkg, fileName), code.replace(/`(\.\/(?:restamp_bg\.wasm|opfs-worker\.js))`/, '"$1"'));
  }
  // Started by its address, so it stays a file of its own.
  const worker = await rolldown({ input: { "opfs-worker": join(sources, "opfs-worker.js") }, platform: "neutral" });
  await worker.write({ dir: pkg, format: "esm", minify: true });
  await worker.close();
}

function printSizes() {
  const print = (name, ...files) => {
    const bytes = files.map((file) => readFileSync(join(pkg, file)));
    const sum = (measure) => String(bytes.reduce((total, file) => total + measure(file), 0)).padStart(7);
    const gzip = (file) => gzipSync(file, { level: 9, memLevel: 9 }).length;
    const brotli = (file) => brotliCompressSync(file).length;
    console.log(`size: ${name.padEnd(20)} ${sum((file) => file.length)} raw ${sum(gzip)} gzip ${sum(brotli)} brotli`);
  };
  print("restamp_bg.wasm", "restamp_bg.wasm");
  print("JavaScript", "restamp.js", "shared.js");
  print("all that a page loads", "restamp_bg.wasm", "restamp.js", "shared.js");
}
