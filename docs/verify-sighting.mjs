// Checks a sighting with Sigstore's JavaScript client, without asking anyone.
//
//     node verify-sighting.mjs TAG BUNDLE KEY TRUSTED_ROOT
//
// prints the digest that TAG was seen at, and fails where anything does not hold.

import { createHash, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { bundleFromJSON } from '@sigstore/bundle';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify';

const [tag, bundleFile, keyFile, rootFile] = process.argv.slice(2);
const json = (file) => JSON.parse(readFileSync(file, 'utf8'));

const bundle = bundleFromJSON(json(bundleFile));
const key = createPublicKey(readFileSync(keyFile)).export({ format: 'der', type: 'spki' });
// Whatever key the bundle says that it is signed with, this one is meant.
const trust = toTrustMaterial(TrustedRoot.fromJSON(json(rootFile)), () => ({
  publicKey: createPublicKey({ key, format: 'der', type: 'spki' }),
  validFor: () => true,
}));
// A Rekor v2 signs no time, and such a key needs none. A time stamp that is there is checked all the same.
new Verifier(trust, { timestampThreshold: 0 }).verify(toSignedEntity(bundle));

const { payload, payloadType } = bundle.content.dsseEnvelope;
const statement = JSON.parse(payload);
const sha256 = createHash('sha256').update(tag).digest('hex');
const [manifest, name] = statement.subject;
const holds =
  payloadType === 'application/vnd.in-toto+json' &&
  statement.predicateType === 'https://tlogistry.dev/tag-sighting/v1' &&
  statement.subject.length === 2 &&
  name.name === tag &&
  name.digest.sha256 === sha256 &&
  statement.predicate.tag === tag &&
  statement.predicate.digest === `sha256:${manifest.digest.sha256}`;
if (!holds) throw new Error(`the statement is not about ${tag}`);
console.log(statement.predicate.digest);
