// Package inode asks an open file for what stat(2) does not tell: where its data lies, and its extended attributes, with
// POSIX ACLs and file capabilities among them (lseek(2), xattr(7), acl(5), capabilities(7)). It is for Linux.
package inode
