/** One node of a cluster of stand-ins. */
export interface MockNode {
  id: string;
  name: string;
  url: string;
}

/** Stand-ins for nodes in this process, with one timeline among them. */
export class MockCluster {
  constructor(options?: { shards?: number; dev?: boolean });
  readonly hub: { publish(event: { targets: string[]; type?: string; title?: string }): string };
  readonly nodes: Map<string, MockNode>;
  /** Starts a node, on a free port by default. */
  start(name: string, port?: number): Promise<MockNode>;
  /** Ends a node as kill -9 does, or with a close code for its sessions. */
  stop(name: string, code?: number): Promise<void>;
}
