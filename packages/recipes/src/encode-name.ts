/**
 * Any text as one name of a znode: no slash, and never `.` or `..`, which mean something else in a path. Names stay as they are wherever that is
 * possible. URIError for half of a surrogate pair, which has no UTF-8.
 */
export function encodeName(name: string): string {
  return name === "." || name === ".." ? name.replaceAll(".", "%2E") : encodeURIComponent(name);
}
