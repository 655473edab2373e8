// Files that a page loads only if its options ask for what is in them.

/** The journal in the origin private file system. */
export async function openOpfs(durability) {
  const { OpfsStore } = await import("./opfs.js");
  return OpfsStore.open(durability);
}

/** The store, with what it keeps encrypted by `key`. */
export async function seal(store, key) {
  const { SealedStore } = await import("./sealed.js");
  return new SealedStore(store, key);
}
