/**
 * The tests of one file, read from its syntax tree: their names, whether they run, and whether they assert anything.
 *
 * Understands `test`, `it` and `describe` with their modifiers, titles that are templates, and functions of the same
 * file through which a test asserts. Never runs a test.
 */
import { parseSync, Visitor } from "oxc-parser";

type Node = { readonly type: string; readonly start: number; readonly end: number };

/** A test as its file declares it. */
export interface DeclaredTest {
  /** The titles of the describe blocks around it, then its own. `undefined` stands for a part known only at run time. */
  readonly titles: readonly Title[];
  /** Why it does not run, if it does not: `skip`, `todo`, … */
  readonly idle: string | undefined;
  readonly asserts: boolean;
}

/** The fixed pieces of a title; between two of them anything may stand. One piece is an exact title. */
export type Title = readonly string[];

/** Modifiers with which a test does not count as a proof. */
const IDLE = new Set(["skip", "todo", "fails", "skipIf", "runIf"]);
/** `%s`, `$name` and the like in the title of a table-driven test. */
const PLACEHOLDER = /%[sdifjo#%]|\$\{?[\w.]+\}?/;

export function declaredTests(path: string, text: string): DeclaredTest[] {
  const parsed = parseSync(path, text);
  const broken = parsed.errors[0];
  if (broken !== undefined) throw new Error(`${path} does not parse: ${broken.message}`);
  const asserting = assertingFunctions(parsed.program);
  const tests: DeclaredTest[] = [];
  /** Open describe blocks, outermost first. */
  const around: { title: Title; idle: string | undefined }[] = [];
  const opened = new Set<Node>();
  new Visitor({
    CallExpression(node) {
      const words = calleeWords(node.callee);
      const kind = words[0];
      const title = node.arguments[0];
      if (title === undefined || (kind !== "describe" && kind !== "test" && kind !== "it")) return;
      const pieces = titleOf(title);
      if (pieces === undefined) return;
      const each = words.includes("each") || words.includes("for");
      const own = {
        title: each ? pieces.flatMap((piece) => piece.split(PLACEHOLDER)) : pieces,
        idle: words.find((word) => IDLE.has(word)) ?? idleOption(node.arguments),
      };
      if (kind === "describe") {
        around.push(own);
        opened.add(node);
        return;
      }
      const body = node.arguments.find(isFunction);
      tests.push({
        titles: [...around.map((block) => block.title), own.title],
        idle:
          own.idle ??
          around.find((block) => block.idle !== undefined)?.idle ??
          (body === undefined ? "no body" : undefined),
        asserts: body !== undefined && assertsIn(body, asserting),
      });
    },
    "CallExpression:exit"(node) {
      if (opened.has(node)) around.pop();
    },
  }).visit(parsed.program);
  return tests;
}

/** `test.skip.each` → `test`, `skip`, `each`; also through the call in `test.each(rows)(title, …)`. */
function calleeWords(callee: unknown): string[] {
  const node = callee as Record<string, unknown> & Node;
  if (node.type === "Identifier") return [node["name"] as string];
  if (node.type === "MemberExpression") {
    const property = node["property"] as { readonly name?: string };
    return [...calleeWords(node["object"]), property.name ?? ""];
  }
  if (node.type === "CallExpression") return calleeWords(node["callee"]);
  if (node.type === "TaggedTemplateExpression") return calleeWords(node["tag"]);
  return [""];
}

function titleOf(argument: unknown): Title | undefined {
  const node = argument as Record<string, unknown> & Node;
  if (node.type === "Literal" && typeof node["value"] === "string") return [node["value"]];
  if (node.type === "TemplateLiteral") {
    const quasis = node["quasis"] as { value: { cooked: string | null } }[];
    return quasis.map(({ value }) => value.cooked ?? "");
  }
  return undefined;
}

/** `test("…", { skip: true }, …)`. */
function idleOption(args: readonly unknown[]): string | undefined {
  for (const arg of args) {
    const node = arg as Record<string, unknown> & Node;
    if (node.type !== "ObjectExpression") continue;
    for (const property of node["properties"] as { key?: { name?: string } }[]) {
      const name = property.key?.name;
      if (name !== undefined && IDLE.has(name)) return name;
    }
  }
  return undefined;
}

function isFunction(argument: unknown): argument is Node {
  const { type } = argument as Node;
  return type === "ArrowFunctionExpression" || type === "FunctionExpression";
}

/** Names of this file's functions that assert, by themselves or through one another. */
function assertingFunctions(program: Node): Set<string> {
  const bodies = new Map<string, Node>();
  new Visitor({
    FunctionDeclaration(node) {
      if (node.id !== null) bodies.set(node.id.name, node);
    },
    VariableDeclarator(node) {
      if (node.id.type === "Identifier" && node.init !== null && isFunction(node.init))
        bodies.set(node.id.name, node.init);
    },
  }).visit(program as never);
  const asserting = new Set<string>();
  for (let before = -1; before !== asserting.size;) {
    before = asserting.size;
    for (const [name, body] of bodies) if (assertsIn(body, asserting)) asserting.add(name);
  }
  return asserting;
}

/** Whether `expect…(…)`, `assert…(…)`, `fc.assert(…)` or an asserting function is called somewhere inside. */
function assertsIn(node: Node, asserting: ReadonlySet<string>): boolean {
  let found = false;
  const visitor = new Visitor({
    CallExpression(call) {
      const [first = "", second = ""] = calleeWords(call.callee);
      found ||= /^(expect|assert)([A-Z]|$)/.test(first) || second === "assert" || asserting.has(first);
    },
  });
  visitor.visit({ type: "Program", body: [{ type: "ExpressionStatement", expression: node }] } as never);
  return found;
}
