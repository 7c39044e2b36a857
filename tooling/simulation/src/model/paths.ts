/** What a path is, by its shape: names that are not empty, not relative, and without the characters that ZooKeeper forbids. */

const SHAPE = /^(\/[^/\p{Cc}\u{d800}-\u{f8ff}\u{fff0}-\u{10ffff}]+)+$/u;
const RELATIVE = /\/\.{1,2}(\/|$)/;

export const isPath = (path: string, bytesMax: number): boolean =>
  path === "/" || (SHAPE.test(path) && !RELATIVE.test(path) && Buffer.byteLength(path) <= bytesMax);
