import { findGhz, runGhz } from './ghz.js';
import { type GrpcLoad, runGrpcLoad } from './grpc-client.js';
import { type HttpLoad, type LoadResult, runHttpLoad } from './http-client.js';
import { hasWrk, runWrk } from './wrk.js';

/** Who sends the load. */
export interface Clients {
  rest(load: HttpLoad): Promise<LoadResult>;
  grpc(load: GrpcLoad): Promise<LoadResult>;
  /** Their names for the report, with the reason where it is not wrk or ghz. */
  readonly names: { readonly rest: string; readonly grpc: string };
}

/** wrk and ghz where they can be had, else this project's own clients. */
export async function chooseClients(): Promise<Clients> {
  const wrk = await hasWrk();
  const ghz = await findGhz();
  return {
    rest: wrk ? runWrk : runHttpLoad,
    grpc: ghz === null ? runGrpcLoad : (load) => runGhz(ghz, load),
    names: {
      rest: wrk ? 'wrk' : 'bench/load/http-client.ts (wrk is missing: apt-get install wrk)',
      grpc: ghz === null ? 'bench/load/grpc-client.ts (ghz is missing: it needs Go)' : 'ghz',
    },
  };
}
