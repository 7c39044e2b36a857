/**
 * Access control lists by number: a list that many znodes share is kept once. Numbers are local to this process and
 * never leave it; a list is forgotten with its last user.
 */
import type { AclEntry } from "@corral/protocol";

export class AclTable {
  readonly #byKey = new Map<string, number>();
  readonly #lists: (readonly AclEntry[])[] = [];
  readonly #keys: string[] = [];
  readonly #users: number[] = [];
  readonly #free: number[] = [];
  /** The array that `retain` was last given, while its number is in use. */
  #lastList: readonly AclEntry[] | undefined;
  #lastNumber = -1;

  /** The number of this list, which gains a user. */
  retain(acl: readonly AclEntry[]): number {
    // Most lists come again as the very array: of a create without a list, or of a snapshot's next znode.
    if (acl === this.#lastList) return this.share(this.#lastNumber);
    const number = this.#retainKey(acl);
    this.#lastList = acl;
    this.#lastNumber = number;
    return number;
  }

  #retainKey(acl: readonly AclEntry[]): number {
    const key = JSON.stringify(acl.map(({ permissions, scheme, id }) => [permissions, scheme, id]));
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      this.#users[known]!++;
      return known;
    }
    const number = this.#free.pop() ?? this.#lists.length;
    this.#byKey.set(key, number);
    this.#lists[number] = acl;
    this.#keys[number] = key;
    this.#users[number] = 1;
    return number;
  }

  /** Another user of a number that has one already. */
  share(number: number): number {
    this.#users[number]!++;
    return number;
  }

  release(number: number): void {
    if (--this.#users[number]! > 0) return;
    this.#byKey.delete(this.#keys[number]!);
    this.#free.push(number);
    if (number === this.#lastNumber) this.#lastList = undefined;
  }

  list(number: number): readonly AclEntry[] {
    return this.#lists[number]!;
  }
}
