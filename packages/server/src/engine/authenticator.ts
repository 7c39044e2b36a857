/**
 * What the engine needs of cryptography: pure functions, given from outside.
 */
import type { Identity } from "@corral/protocol";

export interface Authenticator {
  sha256(bytes: Uint8Array): Uint8Array;
  /** The identity that a credential proves; undefined if the scheme is unknown or the credential is refused. */
  identify(scheme: string, credential: Uint8Array): Identity | undefined;
}
