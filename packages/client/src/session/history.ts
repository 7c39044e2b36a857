/**
 * Which history this client has seen, and how far: no server that is behind it, or of another cluster, may answer.
 */
export class History {
  clusterId: string | null;
  lastZxid: number;

  constructor(clusterId: string | null, lastZxid: number) {
    this.clusterId = clusterId;
    this.lastZxid = lastZxid;
  }

  saw(zxid: number): void {
    if (zxid > this.lastZxid) this.lastZxid = zxid;
  }

  /** The cluster was restored or replaced, and every server says so: what was seen is no longer true. */
  forget(): void {
    this.clusterId = null;
    this.lastZxid = 0;
  }
}
