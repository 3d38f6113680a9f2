module github.com/ProtonMail/go-mime

go 1.23
