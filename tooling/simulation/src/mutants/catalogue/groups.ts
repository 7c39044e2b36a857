/** Defects of consumer groups: whose a partition is, and from where it is read. */
import type { CastName } from "../../world/plan.ts";
import type { Mutant } from "../mutant.ts";

const GROUP = "packages/consumer-group/dist";
const CASTS: readonly CastName[] = ["actors", "groups"];

export const GROUP_MUTANTS: readonly Mutant[] = [
  {
    name: "claims-of-two-generations",
    bug: "KAFKA-12984",
    story: "A partition is claimed by a target that is not valid any more, and by a member that is none.",
    file: `${GROUP}/claims/taking.js`,
    find: "await this.#take(wards, [guard, target.guard]);",
    replace: "await this.#take(wards, []);",
    casts: CASTS,
  },
  {
    name: "offset-without-its-claim",
    bug: "KAFKA-13419",
    story: "An offset is written although the claim is another's by now.",
    file: `${GROUP}/claims/transaction.js`,
    find: ": [operation.check(claim.path, match), ...offset];",
    replace: ': [operation.check("/", { owner: 0 }), ...offset];',
    casts: CASTS,
  },
  {
    name: "given-back-and-kept",
    bug: "KAFKA-14639",
    story: "A partition that is to be given back is given away at once, while its handlers still work.",
    file: `${GROUP}/claims/reconciler.js`,
    find: "void this.#returning.revoke(ward);\n            else if",
    replace: "dropClaim(this.#options.client, ward.claim);\n            else if",
    casts: CASTS,
  },
];
