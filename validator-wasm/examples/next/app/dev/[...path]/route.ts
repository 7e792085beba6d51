import { forward } from '../../forward';

export { forward as DELETE, forward as GET, forward as POST, forward as PUT };
