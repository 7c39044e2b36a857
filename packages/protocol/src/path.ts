/**
 * What a path is: ZooKeeper's rule (PathUtils), decided here and nowhere else.
 *
 * `/` alone is the root. Any other path begins with `/`, does not end in one, has no empty component, none that is
 * `.` or `..`, and no code unit that ZooKeeper forbids: U+0000–001F, 007F–009F, D800–F8FF (surrogates, private use),
 * FFF0–FFFF. Names are compared code unit by code unit; nothing is normalised.
 */

const SLASH = 47;
const DOT = 46;

/** Why a path is not valid, as a phrase for an error message; undefined for a valid one. */
export function pathFault(path: string, pathBytesMax: number): string | undefined {
  if (path.length === 0) return "is empty";
  if (path.charCodeAt(0) !== SLASH) return "does not begin with /";
  if (path.length === 1) return undefined;
  if (path.charCodeAt(path.length - 1) === SLASH) return "ends in /";
  let start = 1;
  let bytes = path.length;
  for (let i = 1; i <= path.length; i++) {
    const unit = i === path.length ? SLASH : path.charCodeAt(i);
    if (unit === SLASH) {
      const length = i - start;
      if (length === 0) return `has an empty component at index ${start}`;
      if (length <= 2 && path.charCodeAt(start) === DOT && path.charCodeAt(i - 1) === DOT) {
        return `has a relative component at index ${start}`;
      }
      start = i + 1;
    } else if (unit < 0x20 || unit > 0x7e) {
      if (isForbidden(unit)) return `has the forbidden character U+${unit.toString(16).padStart(4, "0")} at index ${i}`;
      bytes += unit < 0x800 ? 1 : 2;
    }
  }
  return bytes > pathBytesMax ? `is ${bytes} bytes long (pathBytes: ${pathBytesMax})` : undefined;
}

function isForbidden(unit: number): boolean {
  return unit <= 0x1f || (unit >= 0x7f && unit <= 0x9f) || (unit >= 0xd800 && unit <= 0xf8ff) || unit >= 0xfff0;
}

/**
 * The same for a path to which a sequence number will be appended: `/queue/` is fine, it becomes `/queue/0000000000`.
 */
export function sequentialPathFault(path: string, pathBytesMax: number): string | undefined {
  return pathFault(`${path}0000000000`, pathBytesMax);
}

/** The path of the parent of a valid path other than the root. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash === 0 ? "/" : path.slice(0, slash);
}

/** The last component of a valid path; empty for the root. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The path of a child. */
export function childOf(parent: string, name: string): string {
  return parent === "/" ? `/${name}` : `${parent}/${name}`;
}

/** Is `path` the znode `root` or below it? */
export function isWithin(root: string, path: string): boolean {
  return root === "/" || path === root || (path.startsWith(root) && path.charCodeAt(root.length) === SLASH);
}
