from stilts_xtreme.cli import main

main()
