/** The model that every chaos server has beside what is attacked: y = x / 2 + 2. */
export const WITNESS = 'half_plus_two';
