/**
 * Reads the text of a setting by its type, and says what is wrong with it. All values are texts in the tree, as in Kafka.
 *
 * `a, b` is a list of two, and the empty text the empty list. Whole numbers are those that are exact here, up to 2^53 - 1.
 */
import type { SettingSpec, SettingType } from "./spec.ts";

/** Of one value. */
export const VALUE_CHARACTERS_MAX = 32_768;

export type ValueOf<T extends SettingType> = T extends "boolean"
  ? boolean
  : T extends "integer" | "number"
    ? number
    : T extends "list"
      ? readonly string[]
      : string;
export type SettingValue = ValueOf<SettingType>;

/** Goes on after the name of the setting: `is 'x', not true or false`. Undefined: nothing is wrong. */
export function faultOf(spec: SettingSpec, text: string): string | undefined {
  if (text.length > VALUE_CHARACTERS_MAX) {
    return `has ${text.length} characters, more than ${VALUE_CHARACTERS_MAX}`;
  }
  switch (spec.type) {
    case "boolean":
      return text === "true" || text === "false" ? undefined : `is '${text}', not true or false`;
    case "integer":
      return /^-?\d+$/.test(text) && Number.isSafeInteger(Number(text))
        ? outOfBounds(spec, Number(text), `is ${text}`)
        : `is '${text}', not a whole number`;
    case "number":
      return /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text) && Number.isFinite(Number(text))
        ? outOfBounds(spec, Number(text), `is ${text}`)
        : `is '${text}', not a number`;
    case "list": {
      const items = itemsOf(text);
      const strange = items.map((item) => notOneOf(spec, item)).find((fault) => fault !== undefined);
      return strange ?? outOfBounds(spec, items.length, `has ${items.length} items`);
    }
    case "string":
      return notOneOf(spec, text);
    case "password":
      return undefined;
  }
}

/** Of a text that `faultOf` has nothing against. */
export function parseValue(spec: SettingSpec, text: string): SettingValue {
  switch (spec.type) {
    case "boolean":
      return text === "true";
    case "integer":
    case "number":
      return Number(text);
    case "list":
      return itemsOf(text);
    case "string":
    case "password":
      return text;
  }
}

export function itemsOf(text: string): string[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

function outOfBounds({ min, max }: SettingSpec, actual: number, what: string): string | undefined {
  if (min !== undefined && actual < min) return `${what}, less than ${min}`;
  if (max !== undefined && actual > max) return `${what}, more than ${max}`;
  return undefined;
}

function notOneOf({ oneOf }: SettingSpec, text: string): string | undefined {
  return oneOf === undefined || oneOf.includes(text) ? undefined : `is '${text}', not one of ${oneOf.join(", ")}`;
}
