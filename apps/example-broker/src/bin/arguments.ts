/** The command lines of this example's processes: `--name value`, all of them named by who starts them. */
import { parseArgs } from "node:util";
import type { Address } from "../wire/peer.ts";

export class Arguments {
  readonly #values: Readonly<Record<string, string | undefined>>;
  readonly #switches: ReadonlySet<string>;

  /** `switches`: those that take no value. Ends the process with code 2 for a flag that is not among the names. */
  constructor(names: readonly string[], switches: readonly string[] = []) {
    const valued = names.map((name) => [name, { type: "string" as const }] as const);
    const plain = switches.map((name) => [name, { type: "boolean" as const }] as const);
    try {
      const given = Object.entries(parseArgs({ options: Object.fromEntries([...valued, ...plain]) }).values);
      this.#values = Object.fromEntries(
        given.filter((entry): entry is [string, string] => typeof entry[1] === "string"),
      );
      this.#switches = new Set(given.filter(([, value]) => value === true).map(([name]) => name));
    } catch (error) {
      exitForUsage((error as Error).message);
    }
  }

  has(name: string): boolean {
    return this.#switches.has(name);
  }

  text(name: string): string {
    return this.#values[name] ?? exitForUsage(`--${name} is missing`);
  }

  whole(name: string, otherwise?: number, least = 0): number {
    const value = this.#values[name];
    if (value === undefined && otherwise !== undefined) return otherwise;
    if (value === undefined || !/^\d+$/.test(value) || Number(value) < least) {
      exitForUsage(`--${name} is no whole number from ${least} on`);
    }
    return Number(value);
  }

  oneOf<T extends string>(name: string, words: readonly T[]): T | undefined {
    const value = this.#values[name];
    if (value === undefined) return undefined;
    return words.find((word) => word === value) ?? exitForUsage(`--${name} is none of ${words.join(", ")}`);
  }

  /** `host:port,host:port` */
  addresses(name: string): Address[] {
    return this.text(name)
      .split(",")
      .map((at) => {
        const [host, port] = at.split(":");
        if (host === undefined || port === undefined) exitForUsage(`--${name}: '${at}' is no host:port`);
        return { host, port: Number(port) };
      });
  }

  address(name: string): Address {
    return this.addresses(name)[0] as Address;
  }
}

function exitForUsage(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}
