/**
 * The credentials that a Hello carries: those of the options, and those that `addAuth` has added since. A Hello holds so many and
 * no more, and a server refuses one that is too long for good; so the one too many is refused when it is added.
 */
import { CREDENTIALS_MAX, HELLO_BYTES_MAX, type Credential } from "@corral/protocol";
import { CorralError } from "../error.ts";
import { HELLO_OTHER_BYTES_MAX } from "../limits.ts";

/** Of a credential beside its own, and of the characters of its scheme. */
const CREDENTIAL_BYTES = 16;
const CHARACTER_BYTES_MAX = 3;

export class Credentials {
  /** How many the options give, which may change with each attempt. */
  readonly #givenCount: number;
  #given: readonly Credential[] = [];
  /** Accepted by a server. */
  readonly #added: Credential[] = [];
  /** By calls that are not answered. */
  readonly #asked: Credential[] = [];

  constructor(givenCount: number) {
    this.#givenCount = givenCount;
  }

  /** `given`: by the options, this time. */
  forHello(given: readonly Credential[]): Credential[] {
    this.#given = given;
    return [...given, ...this.#beside([])];
  }

  /** Each once, without those that are given. */
  #beside(more: readonly Credential[]): Credential[] {
    const beside: Credential[] = [];
    for (const credential of [...this.#added, ...more])
      if (![...this.#given, ...beside].some((known) => isSame(known, credential))) beside.push(credential);
    return beside;
  }

  /** An addAuth is about to be requested. Throws `LIMIT_EXCEEDED` if a Hello would have no room for it. */
  ask(credential: Credential): void {
    if (![...this.#added, ...this.#asked].some((known) => isSame(known, credential))) {
      const beside = this.#beside([...this.#asked, credential]);
      check("credentials", CREDENTIALS_MAX, this.#givenCount + beside.length);
      const bytes = [...this.#given, ...beside].reduce((sum, one) => sum + sizeOf(one), HELLO_OTHER_BYTES_MAX);
      check("helloBytes", HELLO_BYTES_MAX, bytes);
    }
    this.#asked.push(credential);
  }

  /** Each new connection is told of it. */
  accepted(credential: Credential): void {
    if (!this.#added.some((known) => isSame(known, credential))) this.#added.push(credential);
  }

  /** Its addAuth is over, one way or the other. */
  answered(credential: Credential): void {
    this.#asked.splice(this.#asked.indexOf(credential), 1);
  }
}

function check(name: string, limit: number, actual: number): void {
  if (actual > limit) throw new CorralError("LIMIT_EXCEEDED", { op: "addAuth", detail: { name, limit, actual } });
}

const sizeOf = ({ scheme, credential }: Credential): number =>
  CREDENTIAL_BYTES + scheme.length * CHARACTER_BYTES_MAX + credential.length;

function isSame(a: Credential, b: Credential): boolean {
  return (
    a.scheme === b.scheme &&
    a.credential.length === b.credential.length &&
    a.credential.every((byte, i) => byte === b.credential[i])
  );
}
