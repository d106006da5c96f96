// Package checker judges a run of Bongsu from the outside: given what
// publishers were told, what each person received and what the timelines say at
// the end, it names every broken promise. It is pure: it does no I/O, keeps no
// state and never changes what it is given.
package checker
