module symfastdemo

go 1.19
