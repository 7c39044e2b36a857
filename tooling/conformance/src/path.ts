// Paths as ZooKeeper judges them. Pure functions on a sequence's relative paths.

/** Is this a path a znode may have? Sequence paths only; the top znode in front of them is always a good one. */
export function isGoodPath(path: string): boolean {
  if (path === "/") return true;
  if (!path.startsWith("/") || path.endsWith("/")) return false;
  if (
    path
      .slice(1)
      .split("/")
      .some((part) => part === "" || part === "." || part === "..")
  )
    return false;
  // oxlint-disable-next-line no-control-regex -- the characters ZooKeeper refuses
  return !/[\u0000-\u001f\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]/.test(path);
}

export function parentOf(path: string): string {
  const cut = path.lastIndexOf("/");
  return cut <= 0 ? "/" : path.slice(0, cut);
}

export function childPath(parent: string, name: string): string {
  return parent === "/" ? `/${name}` : `${parent}/${name}`;
}
