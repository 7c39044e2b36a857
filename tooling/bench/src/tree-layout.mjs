// Memory and speed of three ways to keep the tree, at one million znodes of 100 bytes; figures of docs/decisions/0001.
// Run: node --expose-gc tooling/bench/src/tree-layout.mjs objects | map | columns
const COUNT = Number(process.argv[3] ?? 1_000_000);
const PER_PARENT = 1000;
const value = new Uint8Array(100).fill(7);
const pathOf = (i) =>
  `/bench/parent-${String(Math.floor(i / PER_PARENT)).padStart(6, "0")}/node-${String(i % PER_PARENT).padStart(6, "0")}`;

const layouts = {
  objects() {
    const node = (name, parent, data) => ({
      name,
      parent,
      data,
      children: new Map(),
      czxid: 2 ** 33,
      mzxid: 2 ** 33,
      pzxid: 2 ** 33,
      ctime: 1.7e12,
      mtime: 1.7e12,
      version: 0,
      creates: 0,
      aversion: 0,
      owner: 0,
      acl: 0,
    });
    const root = node("", null, null);
    const find = (path) => {
      let at = root;
      for (const name of path.split("/").slice(1)) if ((at = at.children.get(name)) === undefined) return undefined;
      return at;
    };
    const create = (path) => {
      const slash = path.lastIndexOf("/");
      const parent = slash === 0 ? root : find(path.slice(0, slash));
      parent.children.set(path.slice(slash + 1), node(path.slice(slash + 1), parent, value.slice()));
    };
    return { create, get: (path) => find(path).data[0], set: (path) => (find(path).data = value.slice()) };
  },
  map() {
    const index = new Map();
    const columns = {
      parent: new Int32Array(COUNT * 2),
      czxid: new Float64Array(COUNT * 2),
      mzxid: new Float64Array(COUNT * 2),
    };
    const data = [];
    let next = 0;
    const create = (path) => {
      const slot = next++;
      index.set(path, slot);
      columns.parent[slot] = index.get(path.slice(0, path.lastIndexOf("/"))) ?? 0;
      data[slot] = value.slice();
    };
    return { create, get: (path) => data[index.get(path)][0], set: (path) => (data[index.get(path)] = value.slice()) };
  },
  async columns() {
    const { Tree } = await import("../../../packages/state-machine/dist/tree/tree.js");
    const tree = new Tree();
    const acl = [{ permissions: 31, scheme: "world", id: "anyone" }];
    let zxid = 2 ** 33;
    const stamp = () => ({ zxid: zxid++, timeMs: 1.7e12 });
    const create = (path) => {
      const slash = path.lastIndexOf("/");
      const parent = tree.find(slash === 0 ? "/" : path.slice(0, slash));
      tree.create(parent, path.slice(slash + 1), value, acl, 0, 0, stamp());
    };
    return {
      create,
      get: (path) => tree.dataLength(tree.find(path)),
      set: (path) => tree.setData(tree.find(path), value, stamp()),
    };
  },
};

const { create, get, set } = await layouts[process.argv[2]]();
const rss = () => process.memoryUsage().rss;
globalThis.gc();
const before = rss();
const timed = (what, times, act) => {
  let worst = 0;
  const started = performance.now();
  for (let i = 0; i < times; i++) {
    const from = i % 1000 === 0 ? performance.now() : 0;
    act(i);
    if (from) worst = Math.max(worst, performance.now() - from);
  }
  return `${what} ${(((performance.now() - started) / times) * 1e6).toFixed(0)} ns`;
};
create("/bench");
for (let i = 0; i < COUNT; i += PER_PARENT) create(pathOf(i).slice(0, pathOf(i).lastIndexOf("/")));
const line = [timed("create", COUNT, (i) => create(pathOf(i)))];
const paths = Array.from({ length: 200_000 }, () => pathOf(Math.floor(Math.random() * COUNT)));
globalThis.gc();
const from = performance.now();
globalThis.gc();
line.push(`full collection ${(performance.now() - from).toFixed(0)} ms`);
line.push(
  timed("get", 200_000, (i) => get(paths[i])),
  timed("set", 200_000, (i) => set(paths[i])),
);
globalThis.gc();
console.log(process.argv[2], `${((rss() - before) / COUNT).toFixed(0)} bytes a znode (data of 100 included)`, ...line);
