/** What failed once and is run before all else; and where what fails now is written. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type Failure, failureOf, textOfFailure } from "./case.ts";

const home = fileURLToPath(new URL("../..", import.meta.url));
const root = resolve(home, "../..");
const kept = join(home, "corpus");
const failures = join(home, "failures");

/** The numbers at the beginnings of the lines. */
export const seedsOf = (text: string): number[] =>
  text.split("\n").flatMap((line) => (/^\d+/.test(line) ? [Number.parseInt(line, 10)] : []));

export const knownSeeds = (): number[] => seedsOf(readFileSync(join(home, "seeds.txt"), "utf8"));

/** Cases in files, with the path of each as it is given on the command line. */
export function knownCases(): { readonly path: string; readonly failure: Failure }[] {
  const names = existsSync(kept) ? readdirSync(kept).filter((name) => name.endsWith(".json")) : [];
  return names.toSorted().map((name) => readCase(join(kept, name)));
}

/** The path is as seen from where the command was given, or from the root of the repository. */
export function readCase(path: string): { readonly path: string; readonly failure: Failure } {
  const file = [resolve(path), resolve(root, path)].find((each) => existsSync(each));
  if (file === undefined) throw new Error(`there is no file ${path}`);
  try {
    return { path: relative(root, file), failure: failureOf(readFileSync(file, "utf8")) };
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`, { cause: error });
  }
}

/** The case beside what happened in it; tells the path of the case. */
export function writeFailure(failure: Failure, chronicle: string): string {
  mkdirSync(failures, { recursive: true });
  const { seed, plant, check } = failure;
  const name = join(
    failures,
    [seed, plant, check]
      .filter((part) => part !== undefined)
      .join("-")
      .replace(/[^\w-]+/g, "-"),
  );
  writeFileSync(`${name}.json`, textOfFailure(failure));
  writeFileSync(`${name}.txt`, chronicle);
  return relative(root, `${name}.json`);
}

/** A file that was named on the command line, as seen from the root of the repository unless it is absolute. */
export const writeReport = (path: string, report: object): void =>
  writeFileSync(resolve(root, path), `${JSON.stringify(report, undefined, 2)}\n`);
