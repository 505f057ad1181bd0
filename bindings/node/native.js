// The addon, which the build puts beside this file.
import { createRequire } from 'node:module';

export default createRequire(import.meta.url)('./ironjar.node');
