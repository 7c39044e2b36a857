/**
 * What a source file imports, type imports included, read from its syntax tree.
 *
 * Never resolves or loads anything: an import is the text between its quotes.
 */
import { posix } from "node:path";
import { parseSync, Visitor } from "oxc-parser";
import type { TextFile } from "../workspace.ts";

/** One import, or one re-export, of another module. */
export interface Import {
  readonly from: string;
  readonly to: string;
  readonly line: number;
  /** `export * from …`, with or without a name. */
  readonly star: boolean;
}

export const CODE: RegExp = /\.(ts|mts|tsx|js|mjs)$/;

export function importsOf(file: TextFile): Import[] {
  const parsed = parseSync(file.path, file.text);
  const broken = parsed.errors[0];
  if (broken !== undefined) throw new Error(`${file.path} does not parse: ${broken.message}`);
  const imports: Import[] = [];
  const add = (to: string, start: number, star = false): void => {
    imports.push({ from: file.path, to, line: lineAt(file.text, start), star });
  };
  new Visitor({
    ImportDeclaration: (node) => add(node.source.value, node.start),
    ExportNamedDeclaration: (node) => {
      if (node.source !== null) add(node.source.value, node.start);
    },
    ExportAllDeclaration: (node) => add(node.source.value, node.start, true),
    ImportExpression: (node) => {
      if (node.source.type === "Literal" && typeof node.source.value === "string") add(node.source.value, node.start);
    },
    TSImportType: (node) => add(node.source.value, node.start),
  }).visit(parsed.program);
  return imports;
}

/** The file a relative import names, as a path from the root. */
export function resolveRelative(from: string, to: string): string {
  return posix.join(posix.dirname(from), to);
}

/** Counted from 1. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let i = text.indexOf("\n"); i !== -1 && i < offset; i = text.indexOf("\n", i + 1)) line += 1;
  return line;
}
