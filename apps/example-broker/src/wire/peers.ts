/** One connection per address, made when it is first needed and again when it has broken. */
import { type Address, Peer } from "./peer.ts";

export class Peers<R> {
  readonly #peers = new Map<string, Promise<Peer<R>>>();

  /** `DISCONNECTED` if it cannot be reached now. */
  async to(address: Address): Promise<Peer<R>> {
    const key = `${address.host}:${address.port}`;
    const known = this.#peers.get(key);
    if (known !== undefined) {
      const peer = await known;
      if (peer.isOpen) return peer;
    }
    // Of several who saw the old one broken, one dials.
    if (this.#peers.get(key) === known) this.#peers.set(key, this.#dial(key, address));
    return this.#peers.get(key) ?? this.to(address);
  }

  close(): void {
    for (const peer of this.#peers.values()) {
      peer.then(
        (open) => {
          open.close();
        },
        // What was never connected needs no closing.
        () => {},
      );
    }
    this.#peers.clear();
  }

  #dial(key: string, address: Address): Promise<Peer<R>> {
    const dialling = Peer.dial<R>(address);
    dialling.catch(() => {
      if (this.#peers.get(key) === dialling) this.#peers.delete(key);
    });
    return dialling;
  }
}
