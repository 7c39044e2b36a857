/**
 * The command line of every command here: what cannot be understood ends the process with one line and exit code 2, before anything is
 * done. Plain JavaScript, so that what runs from its build and what runs from its sources can both use it; its types stand in
 * flags.d.mts. Owns no command's flags.
 */
import { parseArgs } from "node:util";

/** `parseArgs`, save that it does not throw. */
export function flagsOf(config) {
  try {
    return parseArgs(config);
  } catch (error) {
    // What comes after the first sentence is advice on flags that begin with a dash, in several lines.
    return wrongUse(String(error.message).split(". ")[0].split("\n")[0]);
  }
}

/** The value of a flag: digits alone, from `least` on. */
export function wholeNumber(name, text, least = 0) {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
  return wrongUse(`--${name} is '${text}', not a whole number from ${least} on`);
}

/** `N/M`, the N-th of M parts. People count from 1; the index that is returned counts from 0. */
export function shareOf(name, text) {
  const [, nth, of] = (/^(\d+)\/(\d+)$/.exec(text) ?? []).map(Number);
  if (nth >= 1 && nth <= of) return { index: nth - 1, of };
  return wrongUse(`--${name} is '${text}', not N/M with N from 1 to M`);
}

/** The value of a flag that has to be one of these. */
export function oneOf(name, value, words) {
  if (words.includes(value)) return value;
  return wrongUse(`--${name} is '${value}', not one of ${words.join(", ")}`);
}

/** `npm run` hides the name of the script from the one that it runs: the line says what is wrong, and nothing else. */
export function wrongUse(message) {
  console.error(message);
  process.exit(2);
}
