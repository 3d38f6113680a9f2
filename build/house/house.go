// Package house holds the rules of the house as tests: who may import whom, what each program is made of, that every
// package says what it is for, and that what the documents claim is tested. The rules are tables at the top of each
// file; each checking function is also shown a case that breaks it.
package house
