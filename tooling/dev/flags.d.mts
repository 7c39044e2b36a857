import type { parseArgs } from "node:util";

export declare const flagsOf: typeof parseArgs;
export declare function wholeNumber(name: string, text: string, least?: number): number;
export declare function shareOf(name: string, text: string): { readonly index: number; readonly of: number };
export declare function oneOf<T extends string>(name: string, value: string, words: readonly T[]): T;
export declare function wrongUse(message: string): never;
